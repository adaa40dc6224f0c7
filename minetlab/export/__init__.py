"""The lab in the formats of other tools: docs/reference/export.md says what each file is."""
