"""A cluster as one file: `archives` is its envelope (whole or refused, sealed if wished), `contents` what is in it,
`restoring` brings it back; `commands` are `master backup` and `master restore`.  Knows the store's files, never the API."""
