import os


def run(*a):
    os._exit(0)
