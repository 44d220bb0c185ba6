"""x."""


def check_inertial(clip, fps, site):
    """X."""
    return ""


def check_keypoints(clip, fps, way, treadmill, height_m):
    """X."""
    return ""
