"""ResNet-18 for small images, in plain torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ResNet18(nn.Module):
    """ResNet-18 with a 3 x 3 stem and no pooling after it; returns logits.

    The first stage sees the image at its full size, as is usual for images of 28 to 64
    pixels. A dropout before the linear head serves the strategies that need one.

    Parameters
    ----------
    n_channels : int
        Channels of an image.
    n_classes : int
        Columns of the output.
    width : int, default=64
        Channels of the first stage; each of the other three has twice as many as the one
        before it.
    dropout : float, default=0.2
        Share of features dropped before the head.
    augment : bool, default=False
        Whether images are cropped and mirrored at random while training.

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
        features = self.stages(self.stem(self.augment(X))).mean(dim=(2, 3))
        return self.head(self.dropout(features))


class RandomCropFlip(nn.Module):
    """Shifts each image by up to ``padding`` pixels and mirrors half of them, when training.

    Parameters
    ----------
    padding : int, default=4
        Largest shift; what comes in from outside is 0.

    """

    def __init__(self, padding: int = 4):
        super().__init__()
        self.padding = padding

    def forward(self, X: Tensor) -> Tensor:
        if not self.training:
            return X
        n, channels, height, width = X.shape
        shift = torch.randint(0, 2 * self.padding + 1, (2, n, 1), device=X.device)
        rows = shift[0] + torch.arange(height, device=X.device)
        columns = shift[1] + torch.arange(width, device=X.device)
        mirrored = torch.rand(n, 1, device=X.device) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
        padded = F.pad(X, [self.padding] * 4)
        # Gathering pixels by their place in the flattened image gives contiguous images.
        # Indexing rows and columns would put the channels last: training small convolutions on
        # that layout crashes in oneDNN, and contiguous() changes nothing where channels are 1.
        pixels = (rows[:, :, None] * padded.shape[3] + columns[:, None]).flatten(1)
        pixels = pixels[:, None].expand(n, channels, height * width)
        return padded.flatten(2).gather(2, pixels).view(X.shape)


class _Block(nn.Module):
    """Two 3 x 3 convolutions and a way around them."""

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
        return F.relu(self.body(X) + self.around(X))
