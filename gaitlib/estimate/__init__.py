"""Estimate: keypoints or inertial signals become gait parameters and muscle activity, with intervals."""
