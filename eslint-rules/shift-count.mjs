/**
 * JavaScript takes a shift count modulo 32, so `x << 32` is `x`, and `1 << 31` is negative. Constant counts of 32 and
 * more are therefore wrong, and a shift into bit 31 needs `>>> 0` around it (or to be only tested against zero).
 */
const SHIFTS = new Set(['<<', '>>', '>>>', '<<=', '>>=', '>>>=']);
const BIT_OPERATORS = new Set(['|', '&', '^']);

/** The value of a number literal; bigint literals shift correctly and give undefined. */
const constant = (node) => (node.type === 'Literal' && typeof node.value === 'number' ? node.value : undefined);

/** Whether the sign of `node` is dropped before anyone sees it: `(... | node) >>> 0`, or `(x & node) !== 0`. */
function signIsDropped(node) {
  let value = node;
  while (value.parent.type === 'BinaryExpression' && BIT_OPERATORS.has(value.parent.operator)) {
    value = value.parent;
  }
  const user = value.parent;
  if (user.type !== 'BinaryExpression') {
    return false;
  }
  if (user.operator === '>>>') {
    return user.left === value;
  }
  const other = user.left === value ? user.right : user.left;
  return /^[!=]==$/.test(user.operator) && constant(other) === 0;
}

export default {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      modulo: 'A shift count is taken modulo 32: this shifts by {{actual}}.',
      negative: 'A shift into bit 31 gives a negative number: write `>>> 0` around it.',
    },
  },
  create(context) {
    const check = (node) => {
      const count = constant(node.right);
      if (!SHIFTS.has(node.operator) || count === undefined) {
        return;
      }
      if (count >= 32) {
        context.report({ node, messageId: 'modulo', data: { actual: String(count % 32) } });
      } else if (node.operator === '<<=' && count === 31) {
        context.report({ node, messageId: 'negative' });
      } else if (node.operator === '<<' && count === 31 && !signIsDropped(node)) {
        context.report({ node, messageId: 'negative' });
      }
    };
    return { BinaryExpression: check, AssignmentExpression: check };
  },
};
