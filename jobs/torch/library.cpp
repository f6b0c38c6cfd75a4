// What the library that needs LibTorch exports to the program that opens it (jobs/library.cpp).
#include "jobs/torch/register.h"

extern "C" __attribute__((visibility("default"))) void frontier_register(frontier::Registries& registries) {
  frontier::register_torch(registries);
}
