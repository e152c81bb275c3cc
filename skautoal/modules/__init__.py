"""Torch modules: the default nets of samplers and tasks, and a ResNet for images."""

from ._resnet import RandomCropFlip, ResNet18
from ._small import MLP, LinearHead, SmallCNN

__all__ = ["MLP", "LinearHead", "RandomCropFlip", "ResNet18", "SmallCNN"]
