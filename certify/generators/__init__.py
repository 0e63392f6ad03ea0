"""The maps G: R^d -> R^n: graphs, activations as data, derivatives, jets, families and specifications."""

from certify.generators.family import Family, FamilyParameter
from certify.generators.graph import Generator
from certify.generators.nodes import Activation, Affine, Graph, Input, Node, Product, Sum
from certify.generators.specification import families, load_generator

__all__ = [
    "Activation",
    "Affine",
    "Family",
    "FamilyParameter",
    "Generator",
    "Graph",
    "Input",
    "Node",
    "Product",
    "Sum",
    "families",
    "load_generator",
]
