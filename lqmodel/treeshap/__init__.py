"""Margins and exact contributions of tree ensembles, on text that was checked first."""

from lqmodel.treeshap.ensemble import Contributions, Difference, TreeEnsemble
from lqmodel.treeshap.text import LARGEST_LEAF, MOST_DEPTH, MOST_LEAVES, Tree

__all__ = ["LARGEST_LEAF", "MOST_DEPTH", "MOST_LEAVES", "Contributions", "Difference", "Tree", "TreeEnsemble"]
