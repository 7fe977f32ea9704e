"""Names of failpoints: places in the code at which a test can kill or stop the process, or raise an error. A test
sets the environment variable CONSOLE_FAILPOINT to such a name; the command `doctor` lists the names.
"""

OPERATION_FAILPOINTS = (
    "before_tx1", "after_tx1", "after_intent", "before_send", "after_send", "before_tx2", "after_tx2",
    "before_detail", "after_detail", "before_pdf", "after_pdf",
    "before_probe", "after_probe", "before_resolve", "after_resolve", "before_delivery", "after_delivery",
)  # fmt: skip

MONEY_FAILPOINTS = (
    "before_request", "after_request", "before_vote", "after_vote",
    "before_notice_tx", "after_notice_tx", "before_confirm", "after_confirm", "before_notice_end",
    "before_order_move", "after_order_move",
)  # fmt: skip
"""Failpoints outside of the pipeline of guarded operations: before and after a refund request, an approval, rejection
or withdrawal of a refund (`vote`), the transaction that stores a notice (`notice_tx`), the query of the provider that
follows a notice (`confirm`) and the change of an order to paid (`order_move`), and before the result of a notice is
stored (`before_notice_end`)."""

SAGA_FAILPOINTS = (
    "before_saga", "after_saga",
    "before_ask_provider", "answered_ask_provider", "after_ask_provider",
    "before_expire_payment", "after_expire_payment", "before_cancel_order", "after_cancel_order",
    "before_release_stock", "after_release_stock", "before_undo_expire_payment", "after_undo_expire_payment",
)  # fmt: skip
"""Failpoints at the beginning of the saga that ends an expired payment, and before and after each of its steps."""

BULK_FAILPOINTS = ("before_bulk_row", "after_bulk_row")
"""Failpoints before and after the call to a provider for one row of a bulk run; both are reached before the row's
result is stored. A row without a call doesn't reach them.
"""

PUBLISHING_FAILPOINTS = ("before_publish", "after_publish")
"""Failpoints before and after an alert event is sent."""

ADOPTION_FAILPOINTS = (
    "after_adopt_columns",
    "after_adopt_numbers",
    "after_adopt_duplicates",
    "after_adopt_rows",
    "after_adopt_index",
    "before_adopt_end",
)
"""Failpoints of the command `db adopt`, after its steps and before its end."""

RECONCILIATION_FAILPOINTS = (
    "before_reconcile_row",
    "after_reconcile_row",
    "after_reconcile_batch",
    "before_reconcile_end",
)
"""Failpoints of a reconciliation: before and after each row that changes something, after each batch, and before its
end.
"""

TASK_FAILPOINTS = ("after_task_begin", "before_task_end")
"""Failpoints of a due task: after its start was written into its row, and before its end is written."""

EXPORT_FAILPOINTS = ("after_pack_written", "before_pack_named")
"""Failpoints of the export of an evidence pack: before its audit entry is written, and before the file gets its final
name.
"""

REQUEST_FAILPOINTS = ("before_request_id", "after_request_id", "before_answer_kept", "after_answer_kept")
"""Failpoints before and after a request id is stored as used, and before and after its answer is stored."""

ALL_FAILPOINTS = (
    *OPERATION_FAILPOINTS,
    *MONEY_FAILPOINTS,
    *SAGA_FAILPOINTS,
    *TASK_FAILPOINTS,
    *PUBLISHING_FAILPOINTS,
    *BULK_FAILPOINTS,
    *RECONCILIATION_FAILPOINTS,
    *ADOPTION_FAILPOINTS,
    *EXPORT_FAILPOINTS,
    *REQUEST_FAILPOINTS,
)
"""All names that CONSOLE_FAILPOINT accepts."""
