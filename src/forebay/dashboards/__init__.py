"""Charts over queries, live (QuickSight)."""
