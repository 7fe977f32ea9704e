"""Explanations of records: verdict, reason and next step, each as a wording key with facts."""
