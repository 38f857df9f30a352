"""Virtual machines: boards with a kernel, systemd and a card of their own, run by QEMU on the cluster's bridge.

recipe (what an image is made of)  ─▶  building (mmdebstrap, mke2fs, mtools)  ─▶  a card flashed by `flashing`  ─▶  QEMU

QEMU plays the firmware of a small board: it loads kernel and command line from the card's FAT partition, which is read
anew at each power-on.  Everything else the machine finds on its card.

Belongs here: making images, machines and their power.  Does not: flashing, or joining; they are met like any board.
"""
