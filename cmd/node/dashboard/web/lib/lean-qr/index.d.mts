// What the dashboard uses of lean-qr, whose own types are for its name and not for
// a file that is vendored.
export function generate(text: string): { readonly size: number; get(x: number, y: number): boolean };
