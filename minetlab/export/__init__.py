"""The lab in other tools' formats: docs/reference/export.md says what each file is, and what it is not."""
