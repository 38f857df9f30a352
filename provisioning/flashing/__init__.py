"""Writing images to cards: a stream of pieces onto devices, read back, and made a board of this cluster.

source (file, URL, compressed)  ─▶  pieces (data, zeros)  ─▶  a writer a device  ─▶  read back  ─▶  settings  ─▶  first block

The first block of a card, which holds its partition table, is written last: a card that was interrupted never boots.
Settings reach the card's file systems by mtools and debugfs, so nothing is mounted.

Belongs here: images, devices, what is written to them and in which form.  Does not: what a board does with it later.
"""
