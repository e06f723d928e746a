"""Arrays by what they hold. Their shapes stand where they are used, with R for the networks along an axis."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Floats = NDArray[np.floating]  # of a training's dtype
Wholes = NDArray[np.integer]
Ints = NDArray[np.int32]
Mask = NDArray[np.bool_]
Texts = NDArray[np.str_]
Values = NDArray[Any]
