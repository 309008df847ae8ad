export { DwAxiDmac } from './dw-axi-dmac';
export type { DmacParameters, DwAxiDmacOptions } from './options';
