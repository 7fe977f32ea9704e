"""The names of SQLAlchemy that services may use; an import contract keeps all others out of console.services."""

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError as DatabaseFailure
from sqlalchemy.exc import IntegrityError as UniqueViolation

__all__ = ["Connection", "DatabaseFailure", "UniqueViolation"]
