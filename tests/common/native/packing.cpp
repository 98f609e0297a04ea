// Products alone, which are quickly compiled.
#include "packing.h"
