"""Sizes, seeds and splits of the demo bundle: everything that decides what comes out."""

from __future__ import annotations

from ct_vit import VitShape
from unet import UnetShape

SEED = 20260

SPACING_MM = (4.0, 2.0, 2.0)  # slices, columns, rows
VIT = VitShape(
    90, 180, 180, 6, 12, dim=96, codes=1024, depth=2, temporal_depth=1, heads=3, dim_head=32
)
LATENT = 32
TEXT_DIM, TEXT_LAYERS, TEXT_HEADS, TEXT_INNER, TEXT_POSITIONS = 64, 2, 4, 128, 128

SLICE_SIZE = 128
CLASSIFIER = UnetShape(SLICE_SIZE, 32, (1, 1, 2, 2, 4), 1, (16,))
DENOISER = UnetShape(SLICE_SIZE, 32, (1, 1, 2, 2), 1, head_channels=0)
RECONSTRUCTION = {"slices": 4, "steps": 10, "noise_level": 500, "classifier_scale": 100.0}

# Seeds of `ctclip phantom`, disjoint. Each network is fitted to `train`; heads and every choice also see `tune`;
# the fusion sees `fusion` alone. The seeds of bench/accuracy.py begin at 9,000,000.
SPLITS = {"train": (1_000_001, 1400), "tune": (2_000_001, 160), "fusion": (3_000_001, 280)}

# The supervised model's pathologies, in its reference order.
TARGETS = [
    "ribs_fracture",
    "pleural_effusion",
    "aorta_pathology",
    "pulmonary_trunk_pathology",
    "cancer",
    "atelectasis",
    "covid",
    "infiltrate",
    "emphysema",
    "paracardial_fat_pathology",
    "fibrosis",
    "airiness_decrease",
    "pneumothorax",
    "coronary_calcium",
    "osteo_fracture",
]

BATCH = 4
HEAD_STEPS = 500
# By the clock: these stop wherever they are, and a faster machine gets further.
SECONDS = {"pretrain": 7000, "supervised": 300, "slices": 5000, "denoiser": 240}
