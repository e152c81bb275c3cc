"""Class-conditional Gaussians with shrunken covariances, fitted to a few embeddings."""

from __future__ import annotations

import math

import torch
from torch import Tensor


class GaussianMixture:
    """Mixture of one Gaussian for each class that has samples, fitted in double precision.

    Parameters
    ----------
    H : Tensor of shape (l, d)
        Embeddings of at least one sample.
    codes : Tensor of shape (l,), dtype int64
        Class code of each sample.
    scale : float
        Positive variance that is assumed if the samples show none.

    Notes
    -----
    The means are those of the classes. Let S_c be the covariance of the l_c samples of class
    c around their mean, and S the covariance of all l samples around their class means. The
    covariances are shrunk as if d more samples had been seen:

    - pooled = (l S + d s I) / (l + d), with s = tr(S) / d the mean variance;
    - covariance_c = (l_c S_c + d pooled) / (l_c + d).

    A class with few samples gets the pooled covariance; if there are fewer than d samples
    altogether, that is nearly isotropic. A class with many samples gets S_c.

    After whitening with the pooled covariance, covariance_c is a multiple of the identity
    except on the span of its l_c samples. The density is computed on that span, with
    O(d^2 + l d) memory, at most O(C d^2).
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
            # In whitened space, the variance is (singular^2 + d) / (size + d) along each
            # axis, and d / (size + d) in all other directions.
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
        """Compute log sum_c (l_c / l) N(h; mean_c, covariance_c) of each row of H (n, d), (n,).

        It takes O(n d (d + C + sum_c min(l_c, d))) time.
        """
        # After whitening, single precision is accurate enough and takes half the time.
        white = (H - self.origin.to(H)) @ self.whitener.to(H)
        exponents = []
        for mean, span, scale in zip(self.means.to(H), self.spans, self.scales, strict=True):
            z = white - mean
            along = (z @ span.to(H)).square().sum(1)
            exponents.append((z.square().sum(1) - along).double() * (scale / 2))
        return torch.logsumexp(self.log_weights - torch.stack(exponents, dim=1), dim=1)


def _pooled_covariance(centred: Tensor, scale: float) -> Tensor:
    """Compute the shrunken covariance of all samples around their class means, (d, d)."""
    n, d = centred.shape
    pooled = centred.T @ centred
    variance = pooled.trace() / (n * d)
    # If each class has one distinct sample, the variance is rounding error: ignore it.
    rounding = scale * torch.finfo(torch.float32).eps
    variance = torch.where(variance > rounding, variance, scale)
    pooled.diagonal().add_(d * variance)
    return pooled / (n + d)
