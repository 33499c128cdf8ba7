"""Networks that others publish → bundles: fetched, checked, taken over, compared, written."""
