// Which compiled instruction sets this machine can run, and the one in force.
#pragma once

#include <string>
#include <vector>

#include "problem.hpp"

namespace mixtura {

// From the plainest to the fastest; never empty.
const std::vector<const Engine*>& engines();

// The fastest, or the one that the environment variable MIXTURA_INSTRUCTION_SET names; it is read at every call.
// Throws std::invalid_argument where the name is unknown or the machine lacks the instructions.
const Engine& engine_in_force();

}  // namespace mixtura
