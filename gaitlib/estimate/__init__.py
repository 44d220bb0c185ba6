"""Estimators: keypoints or inertial signals become gait parameters and muscle activity, with intervals.

The package is called like a function: `gaitlib.estimate(keypoints, fps=60, layout="h36m17", height_m=1.72)`
is `gaitlib.estimate.predict.estimate_clip`.
"""

import sys
from types import ModuleType


class _CallablePackage(ModuleType):
    def __call__(self, *args, **kwargs):
        from gaitlib.estimate.predict import estimate_clip

        return estimate_clip(*args, **kwargs)


sys.modules[__name__].__class__ = _CallablePackage
