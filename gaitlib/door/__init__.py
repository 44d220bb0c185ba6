"""The door: whatever file a gait lab, a physiotherapist or a phone produces, read right or refused.

`formats` reads, `timing`, `people`, `cleaning` and `upright` put right what can be, `bouts` finds the
walking, `gate` declines what is no walking, `answer` estimates and says what was done.
"""
