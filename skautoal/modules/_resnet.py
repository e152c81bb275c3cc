"""ResNet-18 for small images, in plain torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ResNet18(nn.Module):
    """ResNet-18 for small images, with a 3 x 3 stem and dropout before the linear head.

    The module returns logits. There is no pooling after the stem, so that the first stage
    sees the image at its full size, as is usual for images of 28 to 64 pixels. The dropout
    makes the net suitable for strategies that use MC dropout.

    Parameters
    ----------
    n_channels : int
        Number of channels of an image.
    n_classes : int
        Number of classes, the columns of the output.
    width : int, default=64
        Number of channels of the first stage. Each later stage has twice as many as the one
        before.
    dropout : float, default=0.2
        Probability of dropping a feature before the head.
    augment : bool, default=False
        Whether to crop and mirror images at random during training.

    References
    ----------
    .. [1] He, Zhang, Ren & Sun, "Deep residual learning for image recognition",
       CVPR 2016, arXiv 1512.03385.

    Examples
    --------
    >>> import torch
    >>> from skautoal.modules import ResNet18
    >>> ResNet18(3, n_classes=10, width=8)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])

    """

    def __init__(
        self,
        n_channels: int,
        n_classes: int,
        width: int = 64,
        dropout: float = 0.2,
        augment: bool = False,
    ):
        super().__init__()
        self.augment = RandomCropFlip() if augment else nn.Identity()
        self.stem = nn.Sequential(
            nn.Conv2d(n_channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        )
        widths = [width, width, 2 * width, 4 * width, 8 * width]
        self.stages = nn.Sequential(
            *(
                nn.Sequential(_Block(before, after, stride), _Block(after, after, 1))
                for before, after, stride in zip(widths, widths[1:], (1, 2, 2, 2), strict=False)
            )
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(8 * width, n_classes)

    def forward(self, X: Tensor) -> Tensor:
        """Compute logits (n, n_classes) of images (n, n_channels, height, width)."""
        features = self.stages(self.stem(self.augment(X))).mean(dim=(2, 3))
        return self.head(self.dropout(features))


class RandomCropFlip(nn.Module):
    """Random crop and horizontal flip of each image, active in training mode only.

    An image is shifted by up to ``padding`` pixels in each direction and mirrored with
    probability 1/2.

    Parameters
    ----------
    padding : int, default=4
        Largest shift in pixels. Pixels from outside the image are 0.

    """

    def __init__(self, padding: int = 4):
        super().__init__()
        self.padding = padding

    def forward(self, X: Tensor) -> Tensor:
        """Return the images (n, channels, height, width), each changed on its own in training."""
        if not self.training:
            return X
        n, channels, height, width = X.shape
        shift = torch.randint(0, 2 * self.padding + 1, (2, n, 1), device=X.device)
        rows = shift[0] + torch.arange(height, device=X.device)
        columns = shift[1] + torch.arange(width, device=X.device)
        mirrored = torch.rand(n, 1, device=X.device) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
        padded = F.pad(X, [self.padding] * 4)
        # Gather pixels from the flattened image, which gives contiguous images. Indexing rows
        # and columns would put the channels last. oneDNN crashes when it trains narrow
        # convolutions on that layout, and contiguous() does not change it for one channel.
        pixels = (rows[:, :, None] * padded.shape[3] + columns[:, None]).flatten(1)
        pixels = pixels[:, None].expand(n, channels, height * width)
        return padded.flatten(2).gather(2, pixels).view(X.shape)


class _Block(nn.Module):
    """Residual block: two 3 x 3 convolutions and a shortcut."""

    def __init__(self, n_in: int, n_out: int, stride: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
        )
        self.around: nn.Module = nn.Identity()
        if stride != 1 or n_in != n_out:
            self.around = nn.Sequential(
                nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out)
            )

    def forward(self, X: Tensor) -> Tensor:
        """Return features (n, n_out, height / stride, width / stride)."""
        return F.relu(self.body(X) + self.around(X))
