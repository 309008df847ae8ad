/** Values of `ddtp.iommu_mode` ("Device-directory-table pointer"). Values above `3LVL` are reserved or custom. */
export const DDTP_OFF = 0;
export const DDTP_BARE = 1;
export const DDTP_1LVL = 2;
export const DDTP_2LVL = 3;
export const DDTP_3LVL = 4;

/** The mode that has this many levels of device directory. */
export const modeOfLevels = (levels: number): number => DDTP_1LVL + levels - 1;
/** How many levels of device directory a mode has; 0 for `Off` and `Bare`. */
export const levelsOfMode = (mode: number): number => (mode < DDTP_1LVL ? 0 : mode - DDTP_1LVL + 1);

/** Number of bits of a `device_id`. */
export const DEVICE_ID_BITS = 24;

/** A non-leaf entry of the device directory: bit V of the low half, reserved bits of both halves. */
export const DDTE_V = 0x1;
export const DDTE_RESERVED_LO = 0x0000_03fe;
export const DDTE_RESERVED_HI = 0xffc0_0000;
