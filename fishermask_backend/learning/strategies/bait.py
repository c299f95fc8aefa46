"""BAIT (Ash et al. 2021, arXiv 2106.09675): FisherMask with the last layer alone as its mask."""

from fishermask_backend.learning.strategies.fishermask import FisherMask

BAIT = FisherMask("bait", mask_inner=0, of_head=True)
