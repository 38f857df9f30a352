"""The master: store, API server, scheduler, controllers and discovery, put together by cli.py."""
