"""The dialogs in which a person buys a credit check or fetches parts of a purchased credit check again."""
