"""The names of SQLAlchemy that the services may use. An import contract forbids all others in console.services."""

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError as DatabaseFailure
from sqlalchemy.exc import IntegrityError as UniqueViolation

__all__ = ["Connection", "DatabaseFailure", "UniqueViolation"]
