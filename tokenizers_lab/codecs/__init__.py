"""The codecs, one a file; ``tokenizers_lab.registry`` finds them by their spelling."""
