"""Estimators: keypoints or inertial signals become gait parameters and muscle activity, with intervals.

The package is called like a function: `gaitlib.estimate("walk.csv", height_m=1.72)`, or with an array, is
`gaitlib.door.answer.estimate_recording`.
"""

import sys
from types import ModuleType


class _CallablePackage(ModuleType):
    def __call__(self, *args, **kwargs):
        from gaitlib.door.answer import estimate_recording

        return estimate_recording(*args, **kwargs)


sys.modules[__name__].__class__ = _CallablePackage
