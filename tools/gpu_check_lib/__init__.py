# SPDX-License-Identifier: Apache-2.0
"""Parts of tools/gpu_check; they need nothing but Python."""
