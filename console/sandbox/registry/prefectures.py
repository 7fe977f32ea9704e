"""Prefectures and some of their cities and wards, for the addresses of invented corporations."""

import re
from collections.abc import Iterator
from typing import NamedTuple


class City(NamedTuple):
    """A city or ward: its name, the three digits of its code (`cityCode`), the first five digits of its postcodes
    (`post_code_prefix`), and its name in Latin letters (`romaji`).
    """

    name: str
    code: str
    post_code_prefix: str
    romaji: str


class Prefecture(NamedTuple):
    """A prefecture: the two digits of its code, its name, its name in Latin letters (`romaji`), the approximate
    number of its corporations in thousands (`weight`), and some of its cities.
    """

    code: str
    name: str
    romaji: str
    weight: int
    cities: tuple[City, ...]


def _parse_prefectures(table: str) -> Iterator[Prefecture]:
    """Yield the prefectures of a text table. An entry begins with the prefecture's code of two digits, names and
    weight; its cities follow."""
    for entry in re.split(r"\s(?=\d\d\s\S+[都道府県]\s)", table.strip()):
        code, name, romaji, weight, *cities = entry.split()
        yield Prefecture(code, name, romaji, int(weight), tuple(City(*city.split(":")) for city in cities))


PREFECTURES = tuple(
    _parse_prefectures(
        """
    01 北海道 Hokkaido 225 札幌市中央区:101:06000:Chuo_ku,Sapporo_shi 函館市:202:04000:Hakodate_shi
        旭川市:204:07000:Asahikawa_shi
    02 青森県 Aomori 41 青森市:201:03000:Aomori_shi 弘前市:202:03680:Hirosaki_shi
        八戸市:203:03100:Hachinohe_shi
    03 岩手県 Iwate 38 盛岡市:201:02000:Morioka_shi 一関市:209:02100:Ichinoseki_shi
    04 宮城県 Miyagi 83 仙台市青葉区:101:98000:Aoba_ku,Sendai_shi 石巻市:202:98600:Ishinomaki_shi
    05 秋田県 Akita 31 秋田市:201:01000:Akita_shi 横手市:203:01300:Yokote_shi
    06 山形県 Yamagata 36 山形市:201:99000:Yamagata_shi 鶴岡市:203:99700:Tsuruoka_shi
    07 福島県 Fukushima 68 福島市:201:96000:Fukushima_shi 郡山市:203:96300:Koriyama_shi
        いわき市:204:97000:Iwaki_shi
    08 茨城県 Ibaraki 92 水戸市:201:31000:Mito_shi つくば市:220:30500:Tsukuba_shi
        龍ケ崎市:208:30100:Ryugasaki_shi
    09 栃木県 Tochigi 69 宇都宮市:201:32000:Utsunomiya_shi 足利市:202:32600:Ashikaga_shi
    10 群馬県 Gunma 73 前橋市:201:37100:Maebashi_shi 高崎市:202:37000:Takasaki_shi
    11 埼玉県 Saitama 240 さいたま市大宮区:103:33008:Omiya_ku,Saitama_shi 川越市:201:35000:Kawagoe_shi
        川口市:203:33200:Kawaguchi_shi
    12 千葉県 Chiba 204 千葉市中央区:101:26000:Chuo_ku,Chiba_shi 船橋市:204:27300:Funabashi_shi
        袖ケ浦市:229:29902:Sodegaura_shi
    13 東京都 Tokyo 1290 千代田区:101:10000:Chiyoda_ku 中央区:102:10300:Chuo_ku 港区:103:10500:Minato_ku
        新宿区:104:16000:Shinjuku_ku 渋谷区:113:15000:Shibuya_ku 世田谷区:112:15400:Setagaya_ku
        八王子市:201:19200:Hachioji_shi
    14 神奈川県 Kanagawa 370 横浜市中区:104:23100:Naka_ku,Yokohama_shi
        横浜市西区:103:22000:Nishi_ku,Yokohama_shi 川崎市川崎区:131:21000:Kawasaki_ku,Kawasaki_shi
        茅ヶ崎市:207:25300:Chigasaki_shi
    15 新潟県 Niigata 76 新潟市中央区:103:95100:Chuo_ku,Niigata_shi 長岡市:202:94000:Nagaoka_shi
    16 富山県 Toyama 37 富山市:201:93000:Toyama_shi 高岡市:202:93300:Takaoka_shi
    17 石川県 Ishikawa 43 金沢市:201:92000:Kanazawa_shi 小松市:203:92300:Komatsu_shi
    18 福井県 Fukui 32 福井市:201:91000:Fukui_shi 敦賀市:202:91400:Tsuruga_shi
    19 山梨県 Yamanashi 36 甲府市:201:40000:Kofu_shi 富士吉田市:202:40300:Fujiyoshida_shi
    20 長野県 Nagano 79 長野市:201:38000:Nagano_shi 松本市:202:39000:Matsumoto_shi
    21 岐阜県 Gifu 70 岐阜市:201:50000:Gifu_shi 関ケ原町:362:50315:Sekigahara_cho 大垣市:202:50300:Ogaki_shi
    22 静岡県 Shizuoka 131 静岡市葵区:101:42000:Aoi_ku,Shizuoka_shi
        浜松市中央区:138:43000:Chuo_ku,Hamamatsu_shi
    23 愛知県 Aichi 283 名古屋市中区:106:46000:Naka_ku,Nagoya_shi
        名古屋市中村区:105:45000:Nakamura_ku,Nagoya_shi 豊田市:211:47100:Toyota_shi
    24 三重県 Mie 56 津市:201:51400:Tsu_shi 四日市市:202:51000:Yokkaichi_shi
    25 滋賀県 Shiga 46 大津市:201:52000:Otsu_shi 近江八幡市:204:52300:Omihachiman_shi
    26 京都府 Kyoto 119 京都市中京区:104:60400:Nakagyo_ku,Kyoto_shi
        京都市下京区:106:60000:Shimogyo_ku,Kyoto_shi 宇治市:204:61100:Uji_shi
    27 大阪府 Osaka 460 大阪市北区:127:53000:Kita_ku,Osaka_shi 大阪市中央区:128:54000:Chuo_ku,Osaka_shi
        堺市堺区:141:59000:Sakai_ku,Sakai_shi 東大阪市:227:57700:Higashiosaka_shi
    28 兵庫県 Hyogo 203 神戸市中央区:110:65000:Chuo_ku,Kobe_shi 姫路市:201:67000:Himeji_shi
        西宮市:204:66200:Nishinomiya_shi
    29 奈良県 Nara 43 奈良市:201:63000:Nara_shi 生駒市:209:63002:Ikoma_shi
    30 和歌山県 Wakayama 34 和歌山市:201:64000:Wakayama_shi 田辺市:206:64600:Tanabe_shi
    31 鳥取県 Tottori 19 鳥取市:201:68000:Tottori_shi 米子市:202:68300:Yonago_shi
    32 島根県 Shimane 25 松江市:201:69000:Matsue_shi 出雲市:203:69300:Izumo_shi
    33 岡山県 Okayama 73 岡山市北区:101:70000:Kita_ku,Okayama_shi 倉敷市:202:71000:Kurashiki_shi
    34 広島県 Hiroshima 113 広島市中区:101:73000:Naka_ku,Hiroshima_shi 福山市:207:72000:Fukuyama_shi
    35 山口県 Yamaguchi 45 山口市:203:75300:Yamaguchi_shi 下関市:201:75000:Shimonoseki_shi
    36 徳島県 Tokushima 30 徳島市:201:77000:Tokushima_shi 鳴門市:202:77200:Naruto_shi
    37 香川県 Kagawa 38 高松市:201:76000:Takamatsu_shi 丸亀市:202:76300:Marugame_shi
    38 愛媛県 Ehime 49 松山市:201:79000:Matsuyama_shi 今治市:202:79400:Imabari_shi
    39 高知県 Kochi 25 高知市:201:78000:Kochi_shi 四万十市:210:78700:Shimanto_shi
    40 福岡県 Fukuoka 203 福岡市博多区:132:81200:Hakata_ku,Fukuoka_shi
        福岡市中央区:133:81000:Chuo_ku,Fukuoka_shi 北九州市小倉北区:106:80200:Kokurakita_ku,Kitakyushu_shi
    41 佐賀県 Saga 27 佐賀市:201:84000:Saga_shi 唐津市:202:84700:Karatsu_shi
    42 長崎県 Nagasaki 45 長崎市:201:85000:Nagasaki_shi 佐世保市:202:85700:Sasebo_shi
    43 熊本県 Kumamoto 65 熊本市中央区:101:86000:Chuo_ku,Kumamoto_shi 八代市:202:86600:Yatsushiro_shi
    44 大分県 Oita 43 大分市:201:87000:Oita_shi 別府市:202:87400:Beppu_shi
    45 宮崎県 Miyazaki 41 宮崎市:201:88000:Miyazaki_shi 都城市:202:88500:Miyakonojo_shi
    46 鹿児島県 Kagoshima 62 鹿児島市:201:89000:Kagoshima_shi 霧島市:218:89900:Kirishima_shi
    47 沖縄県 Okinawa 50 那覇市:201:90000:Naha_shi 沖縄市:211:90400:Okinawa_shi
    """
    )
)

# Invented or very common names of quarters; 霞が関 and the like show the small が, ヶ and ケ of addresses.
TOWN_NAMES = (
    *("本町", "中央", "栄町", "緑町", "駅前", "東町", "西本町", "南町", "北町", "旭町", "幸町", "大手町", "霞が関"),
    *(
        "桜ヶ丘",
        "希望ケ丘",
        "自由が丘",
        "一番町",
        "八幡町",
        "新町",
        "元町",
        "若葉台",
        "字山ノ上",
        "大字上野",
        "二ノ宮",
    ),
)
