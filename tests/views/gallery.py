"""Renders all badges, and examples of controls, bars and rows, into pictures for a visual check: `python -m
tests.views.gallery FOLDER`.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QApplication, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from console.views.runtime.page_fetch import FetchedPage
from console.views.tables.columns import Cell, Column, StateCell, make_check_box_column
from console.views.tables.paged_model import PagedModel
from console.views.tables.record_table import RecordTable
from console.views.theme.design_tokens import ThemeName, tokens
from console.views.theme.theme import current_appearance, install_appearance
from console.views.timelines.timeline_line import TimelineLine
from console.views.timelines.timeline_list import TimelineList
from console.views.widgets.base import Surface, TextLabel, make_column, make_row
from console.views.widgets.controls.buttons import ButtonKind, KeyButton, ReasonLabel
from console.views.widgets.controls.focus_ring import FocusRing
from console.views.widgets.controls.inputs import CheckBox, DropDownList, Field, FilterChip, RadioButton
from console.views.widgets.controls.tabs import TabBar
from console.views.widgets.display.badge import Badge
from console.views.widgets.display.copyable_id import CopyableId
from console.views.widgets.display.placeholders import EmptyState, SkeletonRows
from console.views.widgets.display.record_parts import (
    DocumentStrip,
    DocumentSummary,
    ExplanationForm,
    RecordSideState,
    RecordSideStrip,
)
from console.views.widgets.window.notification_bars import NotificationBar, ToastFrame
from console.views.widgets.window.sidebar import Sidebar, SidebarEntry
from console.views.widgets.window.window_bars import ShortcutHintBar, StatusBar, StatusCellContent, TopBar
from tests.support.inline_runner import InlineRunner

_TITLE_BY_BADGE_AXIS = {
    "business": "状態(共通)",
    "certainty": "確度",
    "work": "作業",
    "credit_check": "与信チェック",
    "order": "注文",
    "payment": "決済",
    "refund": "返金",
}
_focus_rings: list[tuple[FocusRing, QWidget]] = []


def make_section(title: str, content: QWidget | None, note: str = "") -> QWidget:
    holder = QWidget()
    head = make_row(TextLabel(title, "section"), TextLabel(note, "small", "muted"), None)
    parts = make_column(head, gap_px=8)
    if content is not None:
        box = Surface(edge="all")
        box.setLayout(make_column(content, margins=(16, 12, 16, 12)))
        parts.addWidget(box)
    holder.setLayout(parts)
    return holder


def make_badges() -> QWidget:
    grid = QGridLayout()
    for line, (axis, title) in enumerate(_TITLE_BY_BADGE_AXIS.items()):
        grid.addWidget(TextLabel(title, "body", "muted"), line, 0, Qt.AlignmentFlag.AlignTop)
        boxes = QVBoxLayout()
        box = QHBoxLayout()
        states = [key for key in tokens().badges if key.startswith(axis + ".")]
        for number, key in enumerate(states):
            if number == 6:
                box.addStretch(1)
                boxes.addLayout(box)
                box = QHBoxLayout()
            box.addWidget(Badge.from_badge_key(key, "ja"))
            box.addWidget(TextLabel(tokens().badges[key].en, "body", "muted"))
            box.addSpacing(12)
        box.addStretch(1)
        boxes.addLayout(box)
        grid.addLayout(boxes, line, 1)
    holder = QWidget()
    holder.setLayout(grid)
    return make_section("印", holder, "形、言葉、色の三つで示す。色は言葉の代わりにならない")


def make_button(text: str, key: str, kind: ButtonKind, state: str, icon: str = "") -> KeyButton:
    button = KeyButton(text, key, kind, icon=icon)
    if state == "hover":
        button.setAttribute(Qt.WidgetAttribute.WA_UnderMouse)
    if state == "down":
        button.setDown(True)
    if state == "focus":
        _focus_rings.append((FocusRing(), button))
    return button


def make_buttons() -> QWidget:
    grid = QGridLayout()
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(12)
    for place, word in enumerate(("通常", "指す", "押す", "焦点", "無効と理由"), start=1):
        grid.addWidget(TextLabel(word, "small", "muted"), 0, place)
    kinds: list[tuple[str, str, str, ButtonKind, str, str]] = [
        ("既定", "状態確認", "P", "default", "", "15:05 から可能"),
        ("主", "返金を申請", "", "primary", "", "2 度押しできません"),
        ("危険", "却下…", "D", "danger", "", "必要な権限: 承認者 lead-b"),
        ("道具", "列", "", "tool", "columns", "変更なし"),
    ]
    for line, (name, text, key, kind, icon, reason) in enumerate(kinds, start=1):
        grid.addWidget(TextLabel(name, "small", "muted"), line, 0)
        for place, state in enumerate(("", "hover", "down", "focus"), start=1):
            grid.addWidget(make_button(text, key, kind, state, icon), line, place)
        off = KeyButton(text, key, kind, icon=icon)
        off.disable_with_reason(reason)
        grid.addLayout(make_row(off, ReasonLabel(off), None), line, 5)
    holder = QWidget()
    holder.setLayout(grid)
    return make_section("ボタン", holder)


def make_inputs() -> QWidget:
    grid = QGridLayout()
    grid.setHorizontalSpacing(16)
    good = Field("法人番号", role="data")
    good.edit.setText("2 0104 0190 7731")  # type: ignore[union-attr]  # a line
    good.show_text_in_input("検査数字")
    wrong = Field("法人番号", role="data")
    wrong.edit.setText("2 0104 0190 7713")  # type: ignore[union-attr]  # a line
    wrong.show_error("検査数字が合いません。書類と見比べてください。")
    amount = Field("返金額(円)", role="data", is_right_aligned=True, currency_symbol="¥")
    amount.edit.setText("12,500")  # type: ignore[union-attr]  # a line
    amount.show_error("返金可能額 ¥12,000 を超えています。")
    words = Field("理由の説明")
    words.show_hint("変換中の Enter と Esc は変換に使われます")
    reason = DropDownList("理由")
    reason.addItems(["二重注文"])
    for place, field in enumerate((good, wrong, amount, words)):
        grid.addWidget(field, place // 2, place % 2, Qt.AlignmentFlag.AlignTop)
    grid.addLayout(make_column(TextLabel("理由", "small", "muted"), reason, gap_px=4), 2, 0)
    checked, radio = CheckBox("詳細"), RadioButton("一部")
    checked.setChecked(True)
    radio.setChecked(True)
    grid.addLayout(make_row(checked, CheckBox("PDF"), radio, RadioButton("全額"), None, gap_px=14), 3, 0)
    chips = [FilterChip(name) for name in ("担当", "経過")]
    chips[0].addItems(["担当 誰でも"])
    chips[1].addItems(["いつでも", "5 分以上"])
    chips[1].setCurrentIndex(1)
    grid.addLayout(make_row(*chips, None), 3, 1)
    holder = QWidget()
    holder.setLayout(grid)
    return make_section("入力", holder, "誤りは欄の下に、直し方まで書く")


def make_bars() -> QWidget:
    inline: Callable[..., KeyButton] = lambda text, key="": KeyButton(text, key, "inline", binds_key=False)  # noqa: E731 - short
    examples = (
        NotificationBar(
            "古い表示",
            "14:52:10 に読取(12 分前)。変更の操作は再読込のあとで使えます。",
            tone="care",
            icon_name="clock",
            button=inline("再読込", "F5"),
        ),
        NotificationBar(
            "読み取れませんでした",
            "15:03:40、問合せ番号 E-7Q2K。前の内容を表示しています。",
            tone="bad",
            icon_name="cross",
            button=inline("再読込"),
        ),
        NotificationBar(
            "未接続", "15:02 から。15:01:58 の内容を表示しています。閲覧だけできます。", icon_name="offline"
        ),
        NotificationBar(
            "読み込み中",
            "決済を読んでいます  1.4 秒",
            tone="progress",
            icon_name="circle_arrow",
            button=inline("中止", "Esc"),
        ),
        NotificationBar("閲覧専用", "14:30 から。決済会社の保守のため。状態確認は使えます。", icon_name="lock"),
        NotificationBar(
            "変更あり",
            "lead-b が 15:03 に状態を変更しました。",
            tone="care",
            icon_name="person",
            button=inline("差分を表示"),
        ),
        NotificationBar("再購入禁止", "料金が発生した可能性があります。", tone="unknown", icon_name="lock"),
    )
    holder = QWidget()
    holder.setLayout(make_column(*examples, gap_px=8))
    return make_section("状態の帯", holder)


def make_toasts() -> QWidget:
    examples = (
        ToastFrame("コピーしました 2010401907731", "4 秒で消えます"),
        ToastFrame("¥8,500 の返金を申請しました", "R-2214 承認待ち。PayPay へは未送信です"),
        ToastFrame(
            "まだ回答がありません", "監視を続けています。閉じても構いません", icon_name="question", tone="unknown"
        ),
        ToastFrame(
            "実行しませんでした: 更新あり", "v8 に変わっています。差分を表示", icon_name="square_bang", tone="bad"
        ),
    )
    holder = QWidget()
    holder.setLayout(make_column(*examples, gap_px=8))
    return make_section("短い知らせ", holder)


def make_table_with_rows() -> QWidget:
    def make_state_cell(key: str, extra: str = "") -> Callable[[tuple[str, ...]], Cell]:
        return lambda item: StateCell.from_badge_key(item[int(key)], "ja", item[4] if extra else "")

    columns = [
        make_check_box_column("選択", "選択、一部の行を選択中"),
        Column("what", "行の様子", 136, lambda item: item[0], is_muted=True),
        Column("order", "注文", 84, lambda item: "A-10442", "data"),
        Column("corporation", "法人", 172, lambda item: "みなも堂印刷", is_stretched=True),
        Column("amount", "金額", 96, lambda item: "¥12,000", "amount"),
        Column("state", "状態", 84, make_state_cell("1"), "state"),
        Column("certainty", "確度", 104, make_state_cell("2"), "state"),
        Column("work", "作業", 140, make_state_cell("3", "x"), "state"),
    ]
    completed, certain, none = "payment.completed", "certainty.known", "work.none"
    items = [
        ("通常", completed, certain, none, ""),
        ("指す", completed, certain, none, ""),
        ("選択", completed, certain, none, ""),
        ("選択、焦点あり", completed, "certainty.sides_disagree", "work.scheduled", ""),
        ("情報が古い", completed, "certainty.old", none, ""),
        ("他の人が変更", completed, certain, "work.taken", "lead-b"),
        ("要対応", completed, "certainty.unknown", "work.needs_review", ""),
    ]
    model = PagedModel(columns, lambda item: item[0], InlineRunner())
    table = RecordTable(model, "表の行", margin_px=12)
    model.setParent(table)
    model.read_query(lambda cursor, limit: FetchedPage(items))
    model.set_row_selected(2)
    table.go_to_row(3)
    table.focus_ring_row, table.hover_row = 3, 1
    table.mark_removed_rows(["他の人が変更"], "一覧から外れています")
    table.setFixedHeight(28 + 7 * 32)
    return make_section("表の行", table)


def make_empty_states() -> QWidget:
    holder = QWidget()
    button = KeyButton("不一致を開く", kind="inline")
    empty = EmptyState("結果不明の記録はありません", "15:03 に確認しました", button=button)
    skeleton = SkeletonRows()
    QApplication.sendEvent(skeleton, QEvent(QEvent.Type.Polish))
    skeleton._show_bars()
    holder.setLayout(make_row(empty, skeleton))
    return make_section("空と読み込み", holder)


def make_window_frame() -> QWidget:
    top = TopBar("サポートコンソール", "本番", "production", "検索またはコマンド", "op-a", "画面")
    top.clock.show_text("15:04 JST")
    places = [
        SidebarEntry("home", "home", "ホーム", "Alt+1"),
        SidebarEntry("queues", "list", "対応一覧", "Alt+2", "12"),
        SidebarEntry("lookup", "search", "検索", "Alt+3"),
        SidebarEntry("alerts", "warning", "アラート", "Alt+6", "1"),
        SidebarEntry("audit", "audit", "監査", "Alt+7"),
        SidebarEntry("reports", "bars", "レポート", "Alt+8"),
    ]
    side = Sidebar(places, "画面")
    side.mark_current_entry("queues")
    side.setFixedHeight(220)
    strip = RecordSideStrip(
        [
            RecordSideState(
                "当社",
                "完了",
                "disc",
                "good",
                amount="¥12,000",
                age_text="14:58:03 から・6 分",
                source="v7・自動確認による",
            ),
            RecordSideState(
                "決済会社（PayPay）",
                "成功",
                "disc",
                "good",
                "COMPLETED",
                "¥12,000",
                "15:01:40 に確認・3 分前",
                "参照 0473…8821",
            ),
            RecordSideState(
                "注文",
                "未入金",
                "ring",
                "text",
                "pending",
                "¥12,000",
                "15:03:10 に読取・1 分前",
                "番号 A-10442",
                True,
                "不一致",
            ),
        ],
        "当社・決済会社・注文",
    )
    form = ExplanationForm(("判定", "理由", "次の対応", "可能な操作"))
    form.show_explanation(
        "不一致: 決済会社では支払いが完了していますが、注文は未入金のままです。",
        "支払いは 14:58:03 に確認済みです。14:58:05 にデータベースへ接続できず、注文へ反映できませんでした。",
        "15:09 に自動で反映します（6 回中 2 回目）。支払者への返金や再請求は不要です。",
        icon_name="not_equal",
        tone="bad",
    )
    form.show_action_widgets(KeyButton("注文へ反映", "M", "primary"), KeyButton("状態確認", "P"))
    tabs = TabBar("内訳")
    for word, count in (("時系列", "8"), ("試行", "2"), ("返金", "0"), ("回答の控え（伏せ字）", "3")):
        tabs.add_tab(word, count)
    off = KeyButton("証跡付きで解決…", "E")
    off.disable_with_reason("必要な権限: 承認者 lead-b、lead-c")
    actions = Surface(is_raised=True, edge="top")
    acts = KeyButton("状態確認", "P"), KeyButton("再取得", "F"), off, ReasonLabel(off), None, KeyButton("メモ", "N")
    actions.setLayout(make_row(*acts, margins=(24, 8, 24, 8)))
    hints = ShortcutHintBar([(("↓", "↑"), "移動"), (("Enter",), "開く"), (("Ctrl+F",), "絞り込み")])
    hints.status_label.show_text("16 件中 5 件目")
    status = StatusBar()
    status.show_cells(
        [
            StatusCellContent("サービス", "check", "good", "0.2 秒"),
            StatusCellContent("Atom", "warning", "care", "遅延 4 秒"),
        ],
        [
            StatusCellContent("未完了の作業", text="1", link_key="unfinished"),
            StatusCellContent("書き込み可", "check", "good"),
        ],
    )
    title = make_row(
        TextLabel("決済 A-10442", "title"),
        CopyableId("2 0104 0190 7731", "2010401907731", "法人番号", tone="muted"),
        None,
        Badge.from_badge_key("payment.completed", "ja"),
        Badge.from_badge_key("certainty.sides_disagree", "ja"),
        Badge.from_badge_key("work.scheduled", "ja"),
        margins=(24, 12, 24, 12),
    )
    page = make_column(title, strip, form, tabs, make_timeline(), actions, hints, gap_px=0)
    holder = QWidget()
    body = make_row(side, gap_px=0)
    body.setAlignment(side, Qt.AlignmentFlag.AlignTop)
    body.addLayout(page, 1)
    holder.setLayout(make_column(top, body, make_documents(), status, gap_px=0))
    return make_section("枠と記録", holder)


def make_timeline() -> QWidget:
    lines = TimelineList("時系列")
    lines.setFixedHeight(4 * 32)
    lines.show_lines(
        [
            TimelineLine("15:09:00", "", "clock", "muted", "自動", "予定: 注文への反映 2 / 6"),
            TimelineLine("15:01:40", "", "circle_arrow", "text", "op-a", "状態確認: COMPLETED ¥12,000", "変化なし"),
            TimelineLine("14:58:35", "", "cross", "bad", "自動", "注文への反映 1 / 6 失敗:", "データベース応答なし"),
            TimelineLine("14:58:03", "", "check", "good", "PayPay", "通知受信、署名確認済: COMPLETED ¥12,000"),
        ]
    )
    return lines


def make_documents() -> QWidget:
    button = KeyButton("PDF を開く", icon="document")
    button.disable_with_reason("まだ保存されていません")
    tail = QWidget()
    tail.setLayout(make_column(button, ReasonLabel(button), gap_px=4))
    strip = DocumentStrip(
        [
            DocumentSummary("詳細", "check", "good", "揃っています", "14:58:04 に取得"),
            DocumentSummary("結果", "check", "good", "保留", "値 hold"),
            DocumentSummary("期日", "check", "good", "2027-11-20 まで", "2026-11-20 に購入"),
            DocumentSummary(
                "PDF", "cross", "bad", "回答の途中切断", "次回 15:58", is_missing=True, missing_word="なし"
            ),
        ],
        "書類",
        tail,
    )
    holder = QWidget()
    holder.setLayout(make_column(strip, margins=(24, 16, 24, 16)))
    return holder


def make_gallery_sheet() -> QWidget:
    page = QWidget()
    page.setFixedWidth(1440)
    page.setAutoFillBackground(True)
    upper, lower = make_row(gap_px=24), make_row(gap_px=24)
    top = Qt.AlignmentFlag.AlignTop
    upper.addWidget(make_buttons(), 3, top)
    upper.addWidget(make_toasts(), 2, top)
    lower.addWidget(make_inputs(), 1, top)
    lower.addWidget(make_bars(), 1, top)
    parts = make_column(gap_px=20, margins=(24, 24, 24, 24))
    parts.addWidget(make_badges())
    parts.addLayout(upper)
    parts.addLayout(lower)
    for part in (make_table_with_rows(), make_empty_states(), make_window_frame()):
        parts.addWidget(part)
    page.setLayout(parts)
    return page


def render_sheet(theme: ThemeName, folder: Path, scale: float = 1.0) -> Path:
    """Save one picture of all controls in this theme into `folder`, and return its path."""
    current_appearance().choose_theme(theme)
    current_appearance().set_text_scale(scale)
    page = make_gallery_sheet()
    page.show()
    layout = page.layout()
    page.resize(page.width(), layout.totalHeightForWidth(page.width()) if layout else 0)
    for ring, widget in _focus_rings:
        ring.surround_widget(widget, 2)
    QApplication.processEvents()
    target = folder / f"gallery-{theme}{'' if scale == 1 else f'-{scale:g}'}.png"
    page.grab().save(str(target))
    page.close()
    _focus_rings.clear()
    return target


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    app = QApplication([])
    install_appearance(app)
    for theme in ("light", "dark", "high_contrast"):
        print(render_sheet(theme, folder))
    print(render_sheet("light", folder, 2.0))


if __name__ == "__main__":
    main()
