"""参保登记: who may enrol where, people and households, what somebody is instead, papers.

One room a task; each verb is one transaction with its event in the trail.
"""
