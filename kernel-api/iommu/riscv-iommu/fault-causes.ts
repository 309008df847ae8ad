/** Names of `CAUSE` and `TTYP` (specification, "Fault/Event-Queue"). */

const CAUSES: ReadonlyMap<number, string> = new Map([
  [1, 'instruction access fault'],
  [4, 'read address misaligned'],
  [5, 'read access fault'],
  [6, 'write/AMO address misaligned'],
  [7, 'write/AMO access fault'],
  [12, 'instruction page fault'],
  [13, 'read page fault'],
  [15, 'write/AMO page fault'],
  [20, 'instruction guest page fault'],
  [21, 'read guest-page fault'],
  [23, 'write/AMO guest-page fault'],
  [256, 'all inbound transactions disallowed'],
  [257, 'DDT entry load access fault'],
  [258, 'DDT entry not valid'],
  [259, 'DDT entry misconfigured'],
  [260, 'transaction type disallowed'],
  [261, 'MSI PTE load access fault'],
  [262, 'MSI PTE not valid'],
  [263, 'MSI PTE misconfigured'],
  [264, 'MRIF access fault'],
  [265, 'PDT entry load access fault'],
  [266, 'PDT entry not valid'],
  [267, 'PDT entry misconfigured'],
  [268, 'DDT data corruption'],
  [269, 'PDT data corruption'],
  [270, 'MSI PT data corruption'],
  [271, 'MSI MRIF data corruption'],
  [272, 'internal data path error'],
  [273, 'IOMMU MSI write access fault'],
  [274, 'first/second-stage PT data corruption'],
]);

const TRANSACTIONS: ReadonlyMap<number, string> = new Map([
  [0, 'no transaction'],
  [1, 'untranslated read for execute'],
  [2, 'untranslated read'],
  [3, 'untranslated write/AMO'],
  [5, 'translated read for execute'],
  [6, 'translated read'],
  [7, 'translated write/AMO'],
  [8, 'PCIe ATS translation request'],
  [9, 'PCIe message request'],
]);

/** `TTYP` values of writes. */
const WRITES = [3, 7];

/** Causes from here on are an implementation's own. */
const CUSTOM_CAUSES = 2048;

/** A cause in words. */
export const faultCauseName = (cause: number): string =>
  CAUSES.get(cause) ?? `${cause >= CUSTOM_CAUSES ? 'custom' : 'reserved'} cause ${cause}`;

/** A transaction type in words. */
export const transactionTypeName = (ttyp: number): string =>
  TRANSACTIONS.get(ttyp) ?? `${ttyp >= 32 ? 'custom' : 'reserved'} transaction type ${ttyp}`;

/** Whether a transaction type writes. */
export const isWriteTransaction = (ttyp: number): boolean => WRITES.includes(ttyp);
