"""Class-conditional Gaussians on embeddings, shrunk so that a few samples are enough."""

from __future__ import annotations

import math

import torch
from torch import Tensor


class GaussianMixture:
    """One Gaussian for each class that has samples, fitted in double precision.

    Parameters
    ----------
    H : Tensor of shape (l, d)
        Embeddings of at least one sample.
    codes : Tensor of shape (l,)
        Class of each.
    scale : float
        Positive variance that is assumed where samples show none.

    Notes
    -----
    Means are those of the classes. With S_c the covariance of the l_c samples of class c
    around theirs, and S that of all l samples around their class means, covariances are
    shrunk as if d more samples had been seen:

    - pooled = (l S + d s I) / (l + d), with s = tr(S) / d the mean variance;
    - covariance_c = (l_c S_c + d pooled) / (l_c + d).

    Few samples give the pooled one or, if there are fewer than d altogether, nearly the
    isotropic one; many samples give S_c.

    Whitened by the pooled one, covariance_c is a multiple of the identity but for the
    span of the l_c samples. Memory O(d^2 + l d), and O(C d^2) at most.
    """

    def __init__(self, H: Tensor, codes: Tensor, scale: float):
        H = H.double()
        _, codes, counts = torch.unique(codes, return_inverse=True, return_counts=True)
        n, d = H.shape
        sizes = counts.double()
        means = H.new_zeros(len(counts), d).index_add_(0, codes, H) / sizes[:, None]
        centred = H - means[codes]
        factor = torch.linalg.cholesky(_pooled_covariance(centred, scale))
        eye = torch.eye(d, dtype=H.dtype, device=H.device)
        self.whitener = torch.linalg.solve_triangular(factor, eye, upper=False).mT
        self.origin = H.mean(0)
        self.means = (means - self.origin) @ self.whitener
        self.spans, log_volumes = [], []
        for code, size in enumerate(counts.tolist()):
            members = centred[codes == code] @ self.whitener
            _, singular, axes = torch.linalg.svd(members, full_matrices=False)
            # The variance along each axis is (singular^2 + d) / (size + d), elsewhere d of it.
            surplus = singular.square()
            log_volumes.append(
                ((surplus / d).log1p().sum() + d * math.log(d / (size + d))) / 2
                + factor.diagonal().log().sum()
            )
            self.spans.append((axes.T * (surplus / (surplus + d)).sqrt()).contiguous())
        self.scales = (sizes + d) / d
        log_volume = torch.stack(log_volumes) + d / 2 * math.log(2 * math.pi)
        self.log_weights = (sizes / n).log() - log_volume

    def log_density(self, H: Tensor) -> Tensor:
        """log sum_c (l_c / l) N(h; mean_c, covariance_c) of each row, (n,).

        In O(n d (d + C + sum_c min(l_c, d))).
        """
        # Once whitened, single precision is enough, and half the work.
        white = (H - self.origin.to(H)) @ self.whitener.to(H)
        exponents = []
        for mean, span, scale in zip(self.means.to(H), self.spans, self.scales, strict=True):
            z = white - mean
            along = (z @ span.to(H)).square().sum(1)
            exponents.append((z.square().sum(1) - along).double() * (scale / 2))
        return torch.logsumexp(self.log_weights - torch.stack(exponents, dim=1), dim=1)


def _pooled_covariance(centred: Tensor, scale: float) -> Tensor:
    """Shrunken covariance of all samples around their class means, (d, d)."""
    n, d = centred.shape
    pooled = centred.T @ centred
    variance = pooled.trace() / (n * d)
    # What rounding leaves of classes with one distinct sample each is no spread.
    rounding = scale * torch.finfo(torch.float32).eps
    variance = torch.where(variance > rounding, variance, scale)
    pooled.diagonal().add_(d * variance)
    return pooled / (n + d)
