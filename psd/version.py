"""The version of psd, its server and its workers: they are released together."""

VERSION = "0.2.0"
