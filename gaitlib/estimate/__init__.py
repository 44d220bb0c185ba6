"""Estimators: image keypoints become speed, step length and step time, each with an interval."""
