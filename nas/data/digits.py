"""Handwritten digits that scikit-learn carries (Alpaydin and Kaynak, 1998): 1,797 grey images of 8 x 8; no download."""

from __future__ import annotations

import numpy as np

from nas.data.pools import Pools, array_pool
from nas.data.spec import DataSpec
from nas.errors import DataError


def load(spec: DataSpec, skip_unreadable: bool) -> Pools:
    """All images as one pool; the set brings no division. Their 17 grey levels are spread over 0 to 255."""
    if spec.path is not None:
        raise DataError(f"the data set 'digits' is built in and takes no path, but got {spec.path}")
    from sklearn.datasets import load_digits  # half a second to import

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    pool = array_pool(images, digits.target, "digits", spec, 10)
    return Pools(pool, None, None, tuple(str(name) for name in digits.target_names))
