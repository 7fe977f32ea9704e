"""Legal forms of corporations (株式会社, 一般社団法人 and others), their abbreviations, and names without them.

Sources: the forms in the laws of incorporation, as the registry's names have them; the abbreviations of account
holders in bank transfers (全国銀行協会, 法人略語: カ) is 株式会社, ユ) is 有限会社); the compatibility characters of
Unicode (㈱, ㍿), which NFKC writes as (株) and 株式会社; and common English legal forms, such as Co., Ltd.
"""

import re
import unicodedata
from collections.abc import Iterable

from console.domain.registry.spelling import fold_text

_LEGAL_FORMS_SPELT_OUT = """
株式会社 有限会社 合同会社 合資会社 合名会社 相互会社 特定目的会社 有限責任監査法人 監査法人 投資法人 一般社団法人
一般財団法人 公益社団法人 公益財団法人 特例社団法人 特例財団法人 社団法人 財団法人 特定非営利活動法人 NPO法人
医療法人社団 医療法人財団 社会医療法人社団 社会医療法人財団 特定医療法人社団 特定医療法人財団 社会医療法人
特定医療法人 医療法人 社会福祉法人 学校法人 準学校法人 宗教法人 更生保護法人 職業訓練法人 国立研究開発法人
独立行政法人 地方独立行政法人 国立大学法人 公立大学法人 大学共同利用機関法人 弁護士法人 外国法事務弁護士法人
税理士法人 司法書士法人 行政書士法人 社会保険労務士法人 土地家屋調査士法人 弁理士法人 特許業務法人 農事組合法人
管理組合法人 団地管理組合法人 事業協同組合 企業組合 協業組合 協同組合 商工組合 労働者協同組合 有限責任事業組合
有限責任中間法人 中間法人 認可地縁団体 地縁団体法人 外国会社
"""
_LEGAL_FORMS_IN_KANA = """
カブシキガイシャ カブシキカイシャ ユウゲンガイシャ ユウゲンカイシャ ゴウドウガイシャ ゴウドウカイシャ ゴウシガイシャ
ゴウシカイシャ ゴウメイガイシャ ゴウメイカイシャ イッパンシャダンホウジン イッパンザイダンホウジン
コウエキシャダンホウジン コウエキザイダンホウジン シャダンホウジン ザイダンホウジン トクテイヒエイリカツドウホウジン
エヌピーオーホウジン イリョウホウジンシャダン イリョウホウジンザイダン イリョウホウジン シャカイフクシホウジン
ガッコウホウジン シュウキョウホウジン ドクリツギョウセイホウジン カンサホウジン ゼイリシホウジン ベンゴシホウジン
キョウドウクミアイ
"""
_LEGAL_FORM_ABBREVIATIONS = """
株=株式会社 有=有限会社 同=合同会社 合同=合同会社 資=合資会社 合資=合資会社 名=合名会社 合名=合名会社 相=相互会社
特=特定目的会社 一社=一般社団法人 一財=一般財団法人 公社=公益社団法人 公財=公益財団法人 社=社団法人 財=財団法人
特非=特定非営利活動法人 非=特定非営利活動法人 医=医療法人 医社=医療法人社団 医財=医療法人財団 福=社会福祉法人
社福=社会福祉法人 学=学校法人 宗=宗教法人 独=独立行政法人 監=監査法人 弁=弁護士法人 税=税理士法人 司=司法書士法人
行=行政書士法人 社労=社会保険労務士法人 労=社会保険労務士法人 農=農事組合法人 企=企業組合 協=協同組合
npo=特定非営利活動法人
"""
_BANK_TRANSFER_ABBREVIATIONS = """
カ=株式会社 ユ=有限会社 ド=合同会社 シ=合資会社 メ=合名会社 ソ=相互会社 イ=医療法人 イシヤ=医療法人社団
イザイ=医療法人財団 ザイ=財団法人 シヤ=社団法人 シユウ=宗教法人 ガク=学校法人 フク=社会福祉法人
トクヒ=特定非営利活動法人 ドク=独立行政法人 ノウ=農事組合法人 ベン=弁護士法人 ゼイ=税理士法人 ギヨ=行政書士法人
シホウ=司法書士法人 ロウム=社会保険労務士法人 ロウ=社会保険労務士法人
"""
"""Abbreviations of legal forms in the names of account holders of bank transfers."""
LEGAL_FORMS_BEFORE_NAMES = (
    *("株式会社", "有限会社", "合同会社", "一般社団法人"),
    *("(株)", "（株）", "㈱", "(有)", "（有）", "㈲"),  # as names are stored
)
"""The most frequent legal forms before the names of companies, as the names of credit checks are stored. A search in
these names reads one range of the index for each form, because the index has names from their beginning only."""
_ENGLISH_LEGAL_FORMS = (
    r"(?:company|co)[.,\s]*(?:limited|ltd)|limited|ltd|incorporated|inc|corporation|corp|company|co|llc|llp|plc|kk|k\.\s?k|gk|g\.\s?k|yk"
    r"|kabushiki[\s-]?[kg]aisha|godo[\s-]?[kg]aisha|yugen[\s-]?[kg]aisha"
)

_LEGAL_FORM_BY_ABBREVIATION = dict(
    pair.split("=") for pair in f"{_BANK_TRANSFER_ABBREVIATIONS}{_LEGAL_FORM_ABBREVIATIONS}".split()
)
_LEGAL_FORMS = frozenset(map(fold_text, f"{_LEGAL_FORMS_SPELT_OUT}{_LEGAL_FORMS_IN_KANA}".split()))
_LEGAL_FORMS_BY_DESCENDING_LENGTH = sorted(_LEGAL_FORMS, key=len, reverse=True)
_SHORTEST_FORM_LENGTH = min(map(len, _LEGAL_FORMS))
_LEGAL_FORMS_BY_FIRST_CHARACTERS = {
    first: [form for form in _LEGAL_FORMS_BY_DESCENDING_LENGTH if form.startswith(first)]
    for first in {form[:_SHORTEST_FORM_LENGTH] for form in _LEGAL_FORMS}
}
_LEGAL_FORMS_BY_LAST_CHARACTERS = {
    last: [form for form in _LEGAL_FORMS_BY_DESCENDING_LENGTH if form.endswith(last)]
    for last in {form[-_SHORTEST_FORM_LENGTH:] for form in _LEGAL_FORMS}
}
_ENGLISH_LEGAL_FORM_PATTERN = re.compile(
    rf"(?i)[\s.,]+(?:{_ENGLISH_LEGAL_FORMS})[\s.,]*$|^(?:kabushiki[\s-]?[kg]aisha|k\.\s?k\.|kk)[\s,]+"
)
_ENGLISH_LEGAL_FORM_ALONE_PATTERN = re.compile(rf"(?i)[\s.,]*(?:{_ENGLISH_LEGAL_FORMS})[\s.,]*")
_ABBREVIATION_PATTERN = re.compile(r"[(\[【〔<]([^()\[\]【】〔〕<>]{1,4})[)\]】〕>]")
_BANK_TRANSFER_FORM_AT_START_PATTERN = re.compile(r"^\s*([^()\s]{1,4})\)")
"""The abbreviation of a legal form in a bank transfer at the beginning of a name: カ) in カ)ヤマダ."""
_BANK_TRANSFER_FORM_AT_END_PATTERN = re.compile(r"\(([^()\s]{1,4})\)?\s*$")
"""The abbreviation of a legal form in a bank transfer at the end of a name: (カ or (カ)."""
_CIRCLED_ABBREVIATIONS = str.maketrans(
    {"㊑": "(株)", "㊒": "(有)", "㊓": "(社)", "㊔": "(名)", "㊖": "(財)", "㊫": "(学)", "㊩": "(医)"}
)


def write_out_legal_forms(text: str) -> str:
    """Return the typed name in NFKC form with its abbreviated legal form written in full: (株), ㈱, カ) and (カ
    become 株式会社. English forms are removed, because the registry's English names have them in many spellings. If
    the text consists only of an English form, it is kept.
    """
    written_out_name = unicodedata.normalize("NFKC", text.translate(_CIRCLED_ABBREVIATIONS))
    if "(" in written_out_name or ")" in written_out_name or not _OPENING_BRACKETS.isdisjoint(written_out_name):
        written_out_name = _ABBREVIATION_PATTERN.sub(_write_out_abbreviation, written_out_name)
        written_out_name = _BANK_TRANSFER_FORM_AT_END_PATTERN.sub(
            _write_out_abbreviation,
            _BANK_TRANSFER_FORM_AT_START_PATTERN.sub(_write_out_abbreviation, written_out_name),
        )
    return (
        written_out_name
        if _ENGLISH_LEGAL_FORM_ALONE_PATTERN.fullmatch(written_out_name)
        else remove_english_legal_form(written_out_name)
    )


_OPENING_BRACKETS = frozenset("[【〔<")


def _write_out_abbreviation(match: re.Match[str]) -> str:
    folded_text = fold_text(match[1])
    return _LEGAL_FORM_BY_ABBREVIATION.get(folded_text, match[0])


def remove_english_legal_form(text: str) -> str:
    """Return an English name without its legal form at its end (Co., Ltd., Inc., K.K. and others), and without
    Kabushiki Kaisha or K.K. at its beginning. A form at the end is removed only after a space, point or comma. If the
    text is only a legal form of two words, return its first word (Co., Ltd. gives Co); if it is any other legal form
    alone, return it unchanged.

    The terms of the search index are made with this function, so a change of the function needs a new FORMAT_VERSION
    of the registry's tables.
    """
    return _ENGLISH_LEGAL_FORM_PATTERN.sub("", text) or text


def remove_legal_form(folded_name: str) -> str:
    """Return a name in comparison form (see `fold_text`) without the legal form at its beginning and end. Return
    the text unchanged if nothing would remain."""
    bare_name = folded_name
    for form in _LEGAL_FORMS_BY_FIRST_CHARACTERS.get(folded_name[:_SHORTEST_FORM_LENGTH], ()):
        if folded_name.startswith(form):
            bare_name = folded_name[len(form) :]
            break
    for form in _LEGAL_FORMS_BY_LAST_CHARACTERS.get(bare_name[-_SHORTEST_FORM_LENGTH:], ()):
        if bare_name.endswith(form):
            bare_name = bare_name[: -len(form)]
            break
    return bare_name or folded_name


def remove_legal_forms(folded_names: Iterable[str]) -> list[str]:
    """Return each of the names without its legal form, as `remove_legal_form` removes it. This is faster than one
    call for each name."""
    first_characters, last_characters = slice(_SHORTEST_FORM_LENGTH), slice(-_SHORTEST_FORM_LENGTH, None)
    return [
        remove_legal_form(name)
        if name[first_characters] in _LEGAL_FORMS_BY_FIRST_CHARACTERS
        or name[last_characters] in _LEGAL_FORMS_BY_LAST_CHARACTERS
        else name
        for name in folded_names
    ]


def is_legal_form(folded_name: str) -> bool:
    """True if the text, in comparison form (see `fold_text`), is a legal form without a name."""
    return folded_name in _LEGAL_FORMS
