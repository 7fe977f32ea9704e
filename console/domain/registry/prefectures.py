"""The 47 prefectures with their codes (JIS X 0401), and the spellings in which people write them."""

_JAPANESE_NAMES = """
北海道 青森県 岩手県 宮城県 秋田県 山形県 福島県 茨城県 栃木県 群馬県 埼玉県 千葉県 東京都 神奈川県 新潟県 富山県
石川県 福井県 山梨県 長野県 岐阜県 静岡県 愛知県 三重県 滋賀県 京都府 大阪府 兵庫県 奈良県 和歌山県 鳥取県 島根県
岡山県 広島県 山口県 徳島県 香川県 愛媛県 高知県 福岡県 佐賀県 長崎県 熊本県 大分県 宮崎県 鹿児島県 沖縄県
"""
_ENGLISH_NAMES = """
hokkaido aomori iwate miyagi akita yamagata fukushima ibaraki tochigi gunma saitama chiba tokyo kanagawa niigata
toyama ishikawa fukui yamanashi nagano gifu shizuoka aichi mie shiga kyoto osaka hyogo nara wakayama tottori shimane
okayama hiroshima yamaguchi tokushima kagawa ehime kochi fukuoka saga nagasaki kumamoto oita miyazaki kagoshima
okinawa
"""
PREFECTURE_NAME_BY_CODE = {f"{number:02}": name for number, name in enumerate(_JAPANESE_NAMES.split(), start=1)}
"""The names of the prefectures by their code of two digits."""
_CODE_BY_SPELLING = {
    spelling: code
    for (code, name), english in zip(PREFECTURE_NAME_BY_CODE.items(), _ENGLISH_NAMES.split(), strict=True)
    for spelling in (code, str(int(code)), name, name[:-1] if name != "北海道" else name, english)
}


def find_prefecture_code(text: str) -> str | None:
    """Return the code of a prefecture that a person typed: its code, its name with or without 都, 府 or 県, or its
    English name; None if there is no such prefecture.
    """
    clean_name = (
        text.strip().lower().removesuffix(" prefecture").removesuffix("-ken").removesuffix("-to").removesuffix("-fu")
    )
    return _CODE_BY_SPELLING.get(clean_name)
