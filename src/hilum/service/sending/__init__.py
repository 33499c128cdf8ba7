"""The process ``send``: results, webhooks, pulls, studies that are complete, keeping."""
