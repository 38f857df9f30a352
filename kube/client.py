"""The HTTP client of the Kubernetes API that every room of ours uses: aiohttp, one pooled connection, TLS by key or token.

Contract first; errors are `ApiError` for an answer that refuses, `OSError`/`aiohttp.ClientError` for a link that fails.
"""
