"""The pages of the queues, with their filter, saved views, columns, selection and actions."""
