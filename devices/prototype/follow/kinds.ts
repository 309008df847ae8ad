import type { Follow } from '../../../base/descriptor';

/** How links are followed. */
export type LinkedFollow = Extract<Follow, { readonly kind: 'linked' }>;
