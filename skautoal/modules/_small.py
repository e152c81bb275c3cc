"""Small modules for vectors and images, each with dropout before a linear head."""

from __future__ import annotations

from torch import Tensor, nn


class LinearHead(nn.Module):
    """Linear classifier with dropout, for embeddings of a pretrained network.

    The module returns logits.

    Parameters
    ----------
    n_features : int
        Number of values in one sample. Samples of more dimensions are flattened.
    n_classes : int
        Number of classes, the columns of the output.
    dropout : float, default=0.2
        Probability of dropping a feature before the linear layer.

    Examples
    --------
    >>> import torch
    >>> from skautoal.modules import LinearHead
    >>> LinearHead(n_features=4, n_classes=3)(torch.zeros(2, 4)).shape
    torch.Size([2, 3])

    """

    def __init__(self, n_features: int, n_classes: int, dropout: float = 0.2):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(n_features, n_classes)

    def forward(self, X: Tensor) -> Tensor:
        """Compute logits (n, n_classes) of samples (n, ...) with n_features values each."""
        return self.head(self.dropout(X.flatten(1)))


class MLP(nn.Module):
    """Multilayer perceptron with two hidden layers and dropout before the linear head.

    The module returns logits.

    Parameters
    ----------
    n_features : int
        Number of values in one sample. Samples of more dimensions are flattened.
    n_classes : int
        Number of classes, the columns of the output.
    hidden : int, default=64
        Number of units in each hidden layer.
    dropout : float, default=0.2
        Probability of dropping a hidden unit before the head.

    Examples
    --------
    >>> import torch
    >>> from skautoal.modules import MLP
    >>> MLP(n_features=4, n_classes=3)(torch.zeros(2, 4)).shape
    torch.Size([2, 3])

    """

    def __init__(self, n_features: int, n_classes: int, hidden: int = 64, dropout: float = 0.2):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(n_features, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, n_classes)

    def forward(self, X: Tensor) -> Tensor:
        """Compute logits (n, n_classes) of samples (n, ...) with n_features values each."""
        return self.head(self.dropout(self.body(X.flatten(1))))


class SmallCNN(nn.Module):
    """Convolutional net with two convolutions and dropout before the linear head.

    The module returns logits.

    Parameters
    ----------
    image_shape : tuple of int
        Shape ``(channels, height, width)`` of one image, height and width at least 4.
    n_classes : int
        Number of classes, the columns of the output.
    n_filters : int, default=16
        Number of filters of the first convolution; the second has twice as many.
    hidden : int, default=64
        Number of units before the head, the dimension of the embeddings.
    dropout : float, default=0.3
        Probability of dropping a hidden unit before the head.

    Examples
    --------
    >>> import torch
    >>> from skautoal.modules import SmallCNN
    >>> SmallCNN((1, 8, 8), n_classes=10)(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 10])

    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        n_classes: int,
        n_filters: int = 16,
        hidden: int = 64,
        dropout: float = 0.3,
    ):
        super().__init__()
        channels, height, width = image_shape
        self.body = nn.Sequential(
            nn.Conv2d(channels, n_filters, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(n_filters, 2 * n_filters, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * n_filters * (height // 4) * (width // 4), hidden),
            nn.ReLU(),
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, n_classes)

    def forward(self, X: Tensor) -> Tensor:
        """Compute logits (n, n_classes) of images (n, channels, height, width)."""
        return self.head(self.dropout(self.body(X)))
