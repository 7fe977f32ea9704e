"""Words from which the names of invented corporations are made: each word with its text, katakana reading and
romaji."""

from typing import NamedTuple


class NameWord(NamedTuple):
    """One part of a name. `kana` is its reading in katakana, `romaji` its reading in Latin letters."""

    text: str
    kana: str
    romaji: str


def _parse_name_words(table: str) -> tuple[NameWord, ...]:
    return tuple(NameWord(*line.split()) for line in table.strip().splitlines())


FIRST_WORDS_OF_NAMES = _parse_name_words(
    """
    山田 ヤマダ Yamada
    佐藤 サトウ Sato
    鈴木 スズキ Suzuki
    高橋 タカハシ Takahashi
    髙橋 タカハシ Takahashi
    田中 タナカ Tanaka
    伊藤 イトウ Ito
    渡辺 ワタナベ Watanabe
    渡邊 ワタナベ Watanabe
    渡邉 ワタナベ Watanabe
    山本 ヤマモト Yamamoto
    中村 ナカムラ Nakamura
    小林 コバヤシ Kobayashi
    加藤 カトウ Kato
    吉田 ヨシダ Yoshida
    佐々木 ササキ Sasaki
    山口 ヤマグチ Yamaguchi
    松本 マツモト Matsumoto
    井上 イノウエ Inoue
    木村 キムラ Kimura
    林 ハヤシ Hayashi
    斎藤 サイトウ Saito
    斉藤 サイトウ Saito
    齋藤 サイトウ Saito
    齊藤 サイトウ Saito
    清水 シミズ Shimizu
    山崎 ヤマザキ Yamazaki
    山﨑 ヤマザキ Yamazaki
    森 モリ Mori
    池田 イケダ Ikeda
    橋本 ハシモト Hashimoto
    阿部 アベ Abe
    石川 イシカワ Ishikawa
    小川 オガワ Ogawa
    前田 マエダ Maeda
    岡田 オカダ Okada
    長谷川 ハセガワ Hasegawa
    藤田 フジタ Fujita
    後藤 ゴトウ Goto
    近藤 コンドウ Kondo
    村上 ムラカミ Murakami
    遠藤 エンドウ Endo
    青木 アオキ Aoki
    坂本 サカモト Sakamoto
    福田 フクダ Fukuda
    太田 オオタ Ota
    西村 ニシムラ Nishimura
    三浦 ミウラ Miura
    藤井 フジイ Fujii
    岡本 オカモト Okamoto
    松田 マツダ Matsuda
    中川 ナカガワ Nakagawa
    中野 ナカノ Nakano
    原田 ハラダ Harada
    小野 オノ Ono
    田村 タムラ Tamura
    竹内 タケウチ Takeuchi
    金子 カネコ Kaneko
    和田 ワダ Wada
    中山 ナカヤマ Nakayama
    石田 イシダ Ishida
    上田 ウエダ Ueda
    森田 モリタ Morita
    柴田 シバタ Shibata
    酒井 サカイ Sakai
    工藤 クドウ Kudo
    横山 ヨコヤマ Yokoyama
    宮崎 ミヤザキ Miyazaki
    宮﨑 ミヤザキ Miyazaki
    宮本 ミヤモト Miyamoto
    内田 ウチダ Uchida
    高木 タカギ Takagi
    髙木 タカギ Takagi
    谷口 タニグチ Taniguchi
    安藤 アンドウ Ando
    丸山 マルヤマ Maruyama
    今井 イマイ Imai
    大野 オオノ Ono
    菅原 スガワラ Sugawara
    河野 コウノ Kono
    武田 タケダ Takeda
    藤本 フジモト Fujimoto
    上野 ウエノ Ueno
    杉山 スギヤマ Sugiyama
    千葉 チバ Chiba
    村田 ムラタ Murata
    増田 マスダ Masuda
    小島 コジマ Kojima
    小嶋 コジマ Kojima
    平野 ヒラノ Hirano
    大塚 オオツカ Otsuka
    久保 クボ Kubo
    松井 マツイ Matsui
    岩崎 イワサキ Iwasaki
    野口 ノグチ Noguchi
    桜井 サクライ Sakurai
    櫻井 サクライ Sakurai
    木下 キノシタ Kinoshita
    野村 ノムラ Nomura
    菊地 キクチ Kikuchi
    菊池 キクチ Kikuchi
    佐野 サノ Sano
    大西 オオニシ Onishi
    杉本 スギモト Sugimoto
    新井 アライ Arai
    浜田 ハマダ Hamada
    濱田 ハマダ Hamada
    古川 フルカワ Furukawa
    市川 イチカワ Ichikawa
    島田 シマダ Shimada
    水野 ミズノ Mizuno
    小澤 オザワ Ozawa
    小沢 オザワ Ozawa
    吉川 ヨシカワ Yoshikawa
    山内 ヤマウチ Yamauchi
    西田 ニシダ Nishida
    北村 キタムラ Kitamura
    安田 ヤスダ Yasuda
    広瀬 ヒロセ Hirose
    廣瀬 ヒロセ Hirose
    川口 カワグチ Kawaguchi
    澤田 サワダ Sawada
    東野 ヒガシノ Higashino
    神谷 カミヤ Kamiya
    田邊 タナベ Tanabe
    関ヶ原 セキガハラ Sekigahara
    茅ヶ丘 チガオカ Chigaoka
    霞ケ浦 カスミガウラ Kasumigaura
    あおば アオバ Aoba
    さくら サクラ Sakura
    みなと ミナト Minato
    つばめ ツバメ Tsubame
    ひまわり ヒマワリ Himawari
    こもれび コモレビ Komorebi
    わかば ワカバ Wakaba
    すみれ スミレ Sumire
    はやぶさ ハヤブサ Hayabusa
    みらい ミライ Mirai
    ゆうひ ユウヒ Yuhi
    まごころ マゴコロ Magokoro
    東風 コチ Kochi
    北斗 ホクト Hokuto
    青嶺 アオネ Aone
    白鷺 シラサギ Shirasagi
    若葉 ワカバ Wakaba
    銀河 ギンガ Ginga
    朝凪 アサナギ Asanagi
    月見 ツキミ Tsukimi
    日の出 ヒノデ Hinode
    旭 アサヒ Asahi
    丸三 マルサン Marusan
    丸福 マルフク Marufuku
    大和田 オオワダ Owada
    三つ葉 ミツバ Mitsuba
    七福 シチフク Shichifuku
    八千代 ヤチヨ Yachiyo
    鶴亀 ツルカメ Tsurukame
    松竹梅 ショウチクバイ Shochikubai
    光陽 コウヨウ Koyo
    東雲 シノノメ Shinonome
    常盤 トキワ Tokiwa
    美咲 ミサキ Misaki
    栄光 エイコウ Eiko
    共栄 キョウエイ Kyoei
    太平 タイヘイ Taihei
    中央 チュウオウ Chuo
    新日 シンニチ Shinnichi
    東洋 トウヨウ Toyo
    北陸 ホクリク Hokuriku
    南洋 ナンヨウ Nanyo
    アーク アーク Ark
    アクア アクア Aqua
    アシスト アシスト Assist
    イースト イースト East
    ヴィーナス ヴィーナス Venus
    ヴェール ヴェール Voile
    エイト エイト Eight
    エコー エコー Echo
    オーシャン オーシャン Ocean
    カーム カーム Calm
    キャリア キャリア Career
    グリーン グリーン Green
    クローバー クローバー Clover
    サンライズ サンライズ Sunrise
    シー・エス シーエス CS
    スカイ スカイ Sky
    スター スター Star
    セブンシーズ セブンシーズ SevenSeas
    タイヨー タイヨー Taiyo
    テクノ テクノ Techno
    トータル トータル Total
    ナチュラル ナチュラル Natural
    ネクスト ネクスト Next
    ハーモニー ハーモニー Harmony
    ビー・アンド・ビー ビーアンドビー BandB
    フォーユー フォーユー ForYou
    ブルー ブルー Blue
    ベスト ベスト Best
    ホープ ホープ Hope
    マザー マザー Mother
    ミント ミント Mint
    メイプル メイプル Maple
    ユニオン ユニオン Union
    ライフ ライフ Life
    リバー リバー River
    ルミナス ルミナス Luminous
    ワールド ワールド World
    ＡＢＣ エービーシー ABC
    ＡＩ エーアイ AI
    Ｋ＆Ｍ ケイアンドエム KandM
    ＮＥＸＴ ネクスト NEXT
    ＳＫＹ スカイ SKY
    Ｔ・Ｓ ティーエス TS
    ２４ ニジュウヨン 24
    ８８ ハチハチ 88
    ｅ－ライフ イーライフ eLife
    """
)

SECOND_WORDS_OF_NAMES = _parse_name_words(
    """
    商事 ショウジ Shoji
    商店 ショウテン Shoten
    商会 ショウカイ Shokai
    工業 コウギョウ Kogyo
    工務店 コウムテン Komuten
    建設 ケンセツ Kensetsu
    建築 ケンチク Kenchiku
    組 グミ Gumi
    土木 ドボク Doboku
    設備 セツビ Setsubi
    電機 デンキ Denki
    電気 デンキ Electric
    電子 デンシ Electronics
    精機 セイキ Seiki
    精密 セイミツ Precision
    製作所 セイサクショ Seisakusho
    鉄工所 テッコウショ Tekkosho
    金属 キンゾク Metal
    化成 カセイ Kasei
    化学 カガク Chemical
    塗装 トソウ Toso
    興業 コウギョウ Kogyo
    興産 コウサン Kosan
    産業 サンギョウ Sangyo
    物産 ブッサン Bussan
    物流 ブツリュウ Logistics
    運輸 ウンユ Unyu
    運送 ウンソウ Unso
    交通 コウツウ Kotsu
    自動車 ジドウシャ Motors
    モータース モータース Motors
    不動産 フドウサン Realty
    地所 ジショ Estate
    ホーム ホーム Home
    ハウジング ハウジング Housing
    住宅 ジュウタク Jutaku
    食品 ショクヒン Foods
    水産 スイサン Suisan
    青果 セイカ Seika
    精肉店 セイニクテン Seinikuten
    酒造 シュゾウ Brewery
    製菓 セイカ Seika
    農園 ノウエン Farm
    農産 ノウサン Nosan
    牧場 ボクジョウ Ranch
    造園 ゾウエン Zoen
    林業 リンギョウ Forestry
    印刷 インサツ Printing
    出版 シュッパン Publishing
    紙業 シギョウ Shigyo
    繊維 センイ Textile
    被服 ヒフク Apparel
    家具 カグ Furniture
    薬局 ヤッキョク Pharmacy
    メディカル メディカル Medical
    ケア ケア Care
    介護サービス カイゴサービス CareService
    デンタル デンタル Dental
    美容室 ビヨウシツ Salon
    旅館 リョカン Ryokan
    観光 カンコウ Tourism
    トラベル トラベル Travel
    フーズ フーズ Foods
    キッチン キッチン Kitchen
    ダイニング ダイニング Dining
    カフェ カフェ Cafe
    設計 セッケイ Design
    設計事務所 セッケイジムショ DesignOffice
    測量 ソクリョウ Survey
    企画 キカク Kikaku
    デザイン デザイン Design
    広告 コウコク Advertising
    映像 エイゾウ Eizo
    音楽 オンガク Music
    システム システム System
    システムズ システムズ Systems
    ソフト ソフト Soft
    テック テック Tech
    データ データ Data
    ネットワーク ネットワーク Network
    ラボ ラボ Lab
    ワークス ワークス Works
    サービス サービス Service
    サポート サポート Support
    パートナーズ パートナーズ Partners
    コンサルティング コンサルティング Consulting
    総研 ソウケン Research
    経営 ケイエイ Management
    保険事務所 ホケンジムショ InsuranceOffice
    リース リース Lease
    ファイナンス ファイナンス Finance
    ホールディングス ホールディングス Holdings
    グループ グループ Group
    ジャパン ジャパン Japan
    インターナショナル インターナショナル International
    エンタープライズ エンタープライズ Enterprise
    エナジー エナジー Energy
    石油 セキユ Oil
    ガス ガス Gas
    電力 デンリョク Power
    環境 カンキョウ Kankyo
    リサイクル リサイクル Recycle
    警備 ケイビ Security
    ビルサービス ビルサービス BuildingService
    スクール スクール School
    学園 ガクエン Gakuen
    スポーツ スポーツ Sports
    楽器 ガッキ Gakki
    時計店 トケイテン Watches
    眼鏡店 メガネテン Optical
    書店 ショテン Books
    花店 ハナテン Florist
    石材 セキザイ Stone
    木材 モクザイ Lumber
    硝子 ガラス Glass
    畳店 タタミテン Tatami
    """
)

BUILDING_NAMES = ("グリーン", "第２", "中央", "サンライズ")
BUILDING_KIND_WORDS = ("ビル", "マンション", "ハイツ", "プラザ", "センター", "タワー", "コーポ", "第一ビル")
FOREIGN_CORPORATION_NAMES = (
    (
        "アクメ・トレーディング・インク",
        "アクメトレーディングインク",
        "Acme Trading Inc.",
        "アメリカ合衆国デラウェア州",
    ),
    ("ノルデン・マリン・アーゲー", "ノルデンマリンアーゲー", "Norden Marine AG", "ドイツ連邦共和国ハンブルク市"),
    ("パシフィック・オーキッド・リミテッド", "パシフィックオーキッドリミテッド", "Pacific Orchid Ltd.", "香港九龍"),
    (
        "メゾン・ド・ラ・セーヌ・エス・アー",
        "メゾンドラセーヌエスアー",
        "Maison de la Seine S.A.",
        "フランス共和国パリ市",
    ),
)
STATE_BODY_NAMES = (
    ("地方検察審査会", "チホウケンサツシンサカイ"),
    ("簡易裁判所", "カンイサイバンショ"),
    ("法務局", "ホウムキョク"),
)
MUNICIPAL_BODY_NAMES = (("広域連合", "コウイキレンゴウ"), ("衛生組合", "エイセイクミアイ"), ("財産区", "ザイサンク"))
