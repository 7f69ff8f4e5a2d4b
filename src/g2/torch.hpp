// SPDX-License-Identifier: Apache-2.0
// The parts of LibTorch that K7 uses: tensors and reverse-mode differentiation, without torch::nn (whose
// headers take several times longer to compile).
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/generated/variable_factories.h>
