"""The lab beside the tools that administrators use today."""
