"""Old, printed and handwritten forms of kanji, and the one form under which the search compares them.

Sources: the list of common kanji (常用漢字表, cabinet notice 2 of 2010), whose forms in parentheses are the old ones;
table 2 of the enforcement rules of the Family Register Act (戸籍法施行規則別表第二), the kanji of given names; the
table of forms outside the common list (表外漢字字体表, National Language Council, 2000); and the popular forms of
surnames in the Ministry of Justice's list of popular and correct forms (誤字俗字・正字一覧表). Forms that Unicode has
as compatibility ideographs (神 of U+FA19) are not in the table, because NFKC replaces them.

Each group ends with its comparison form; no kanji is in two groups. The kanji of one group are forms of one
character: people write the same name with any of them. Different characters with one reading (阪, 坂) are not in one
group.
"""

_COMMON_KANJI = """
亞亜 惡悪 壓圧 圍囲 醫医 爲為 壹壱 隱隠 榮栄 營営 衞衛 驛駅 圓円 鹽塩 緣縁 艷艶 應応 歐欧 毆殴
櫻桜 奧奥 橫横 溫温 穩穏 假仮 價価 畫畵画 會会 繪絵 壞壊 懷懐 槪概 擴拡 殼殻 覺覚 學斈学 嶽岳 樂楽
渴渇 罐缶 卷巻 陷陥 勸勧 寬寛 關関 歡歓 觀観 氣気 歸皈帰 龜亀 僞偽 戲戯 犧犠 舊旧 據拠 擧舉挙 虛虚
峽峡 挾挟 狹狭 鄕郷 曉暁 區区 驅駈駆 勳勲 薰薫 徑逕径 莖茎 惠恵 揭掲 溪渓 經経 螢蛍 輕軽 繼継 鷄鶏
藝芸 擊撃 缺欠 硏研 縣県 儉倹 劍劔劒剱釼剣 險険 圈圏 檢検 獻献 權権 顯顕 驗験 嚴厳 廣広 效効 恆恒
黃黄 鑛礦砿鉱 號号 國圀国 黑黒 碎砕 濟済 劑剤 雜襍雑 參参 棧桟 蠶蚕 慘惨 贊賛 殘残 絲糸 齒歯 兒児
辭辞 濕湿 實実 寫冩写 釋釈 壽寿 收収 從从従 澁澀渋 獸獣 縱縦 肅粛 處処 緖緒 敍敘叙 將将 稱称 涉渉
燒焼 證証 奬獎奨 條条 狀状 乘乗 淨浄 剩剰 疊疉疂畳 繩縄 壤壌 孃嬢 讓譲 釀醸 觸触 囑嘱 眞真 寢寝
愼慎 盡尽 圖図 粹粋 醉酔 穗穂 隨随 髓膸髄 樞枢 數数 瀨瀬 聲声 靜静 竊窃 攝摂 專専 淺浅 戰戦 踐践
錢銭 潛濳潜 纖纎繊 禪禅 雙双 壯壮 爭争 莊荘 搜捜 插挿 巢巣 曾曽 瘦痩 裝装 總総 騷騒 增増 藏蔵 臟臓
卽即 屬属 續続 墮堕 對対 體軆躰体 帶帯 滯滞 臺台 瀧滝 擇択 澤沢 擔担 單単 膽胆 團団 斷断 彈弾 遲遅
癡痴 蟲虫 晝昼 鑄鋳 廳廰庁 徵徴 聽聴 敕勅 鎭鎮 遞逓 鐵鐡銕鉃鉄 點点 轉転 傳伝 燈灯 當当 黨党 盜盗
稻稲 鬭鬪闘 德悳徳 獨独 讀読 屆届 貳貮弐 惱悩 腦脳 霸覇 拜拝 廢廃 賣売 麥麦 發発 髮髪 拔抜 晚晩
蠻蛮 祕秘 濱濵浜 甁瓶 拂払 佛仏 倂併 竝並 餠餅 邊邉辺 變変 辯瓣辨弁 步歩 寶寳宝 豐豊 襃褒 飜翻 每毎
萬万 滿満 麵麪麺 默黙 彌弥 譯訳 藥薬 與与 豫予 餘余 譽誉 搖揺 樣様 謠謡 來来 賴頼 亂乱 覽覧 龍竜
兩両 獵猟 綠緑 淚涙 壘塁 禮礼 勵励 戾戻 靈霊 齡齢 曆暦 歷歴 戀恋 鍊錬 爐炉 勞労 郞郎 樓楼 錄録
灣湾 齋齊斎斉 內内 戶戸 飮飲 顏顔 產産 敎教 靑青 淸清 旣既 吳呉 悅悦 銳鋭 閱閲 脫脱 說説 稅税 姬姫
尙尚 查査 絕絶 冊册 決决 沒没 況况 涼凉 卻却 隸隷 攜携 窗窓 綫線 韵韻 稾稿
"""
_GIVEN_NAME_KANJI = """
堯尭 巖嵓巌 晉晋 檜桧 槇槙 豬猪 禰祢 祿禄 穰穣 萠萌 遙遥 凛凜 亙亘 瑤瑶 燿耀 熈凞煕熙 晄晃 皋皐
聰聡 彥彦 鼡鼠 迺廼 曻昇 昻昂 莵菟兔兎 稟禀 冱冴 冲沖 珎珍 莓苺 朖朗 毗毘
"""
_KANJI_OUTSIDE_COMMON_LIST = """
俱倶 俠侠 儘侭 剝剥 吞呑 啞唖 噓嘘 嚙囓齧噛 囊嚢 塡填 壺壷 姸妍 屛屏 幷并 廏廐厩 彎弯 搔掻 攪撹
攢攅 曺曹 枡桝 棊棋 櫨枦 檮梼 濤涛 瀆涜 灌潅 濾沪 焰焔 煙烟 爾尓 眾衆 礪砺 禱祷 穎頴 竈竃 竪豎
筍笋 簞箪 籠篭 籤籖 糧粮 繡繍 繫繋 翆翠 耻恥 脈脉 臈﨟臘 艫舮 萊莱 蔣蒋 蕊蕋蘂 薀蘊 藪籔薮 蘆芦
蘓蘇 蟬蝉 蠅蝿 蠟蝋 蠣蛎 諫諌 賤賎 軀躯 輒輙 邇迩 醬醤 醱醗 鉤鈎 鑪鈩 鑽鑚 鋪舖舗 隣鄰 靱靭 頰頬
頸頚 顚顛 驒騨 鯵鰺 鴎鷗 鶯鴬 鹼鹸 麴麹 麸麩 釡釜 釐厘 閒間 韭韮 畧略 囘回 噐器 夛多 宜冝 寃冤
戞戛 梦夢 渊渕淵 盖葢蓋 罸罰 聟壻婿 聨聯 荳豆 葊庵 衂衄 譁嘩 讚讃 貭質 踈疏疎 踊踴 迯逃 逹達 飃飄
餝飾 鬧閙 鰛鰮 龝穐秋 卆卒 亰京 仭仞 伜倅 凾函 刧劫 劵券 咒呪 埀垂 塲場 恠怪 憇憩 暸瞭 曵曳 杤栃
栢柏 桺栁柳 梹檳 槗𣘺橋 椶棕 澂澄 甼町 畄留 畊耕 竸競 筺筐 緜綿 纒纏 羮羹 膓腸 蒭芻 讎讐 軣轟 鎔熔
鳫鴈雁
"""
_SURNAME_KANJI = """
髙高 﨑嵜碕崎 𠮷吉 嶋嶌島 冨富 峯峰 舘館 舩船 邨村 埜野 薗園 枩柗松 桒桑 靏靎鶴 礒磯 籏旗 苅刈 﨔欅
夲本 槌鎚 圡土 兠兜 喆哲 㐂喜 廸迪 尅剋 澑溜
"""


COMPARISON_FORM_BY_KANJI = {
    ord(kanji): group[-1]
    for group in f"{_COMMON_KANJI}{_GIVEN_NAME_KANJI}{_KANJI_OUTSIDE_COMMON_LIST}{_SURNAME_KANJI}".split()
    for kanji in group[:-1]
}
"""Code point of a kanji → the kanji under which it is compared. A kanji that is its own comparison form is absent."""
