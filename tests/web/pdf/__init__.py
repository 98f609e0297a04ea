"""Tests of PDFs."""
