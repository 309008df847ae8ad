import { SIZE_MAX } from '../../base/address';
import { directToPhysical } from './direct-address';
import { directAllocation } from './direct-alloc';
import { directMapPhys, directUnmapPhys } from './direct-map';
import { directMapSg, directUnmapSg } from './direct-sg';
import { directRequiredMask, directSupported } from './direct-pages';
import { directMaxMappingSize, directSync } from './direct-sync';
import type { DmaMapOps } from './dma-map-ops';

/** The back end of devices whose accesses nothing translates (`kernel/dma/direct.c`). */
export const directOps: DmaMapOps = {
  name: 'direct',
  mapPhys: directMapPhys,
  unmapPhys: directUnmapPhys,
  mapSg: directMapSg,
  unmapSg: directUnmapSg,
  ...directSync,
  ...directAllocation,
  supported: directSupported,
  requiredMask: directRequiredMask,
  mergeBoundary: () => 0,
  maxMappingSize: directMaxMappingSize,
  optMappingSize: () => SIZE_MAX,
  toPhysical: directToPhysical,
};
